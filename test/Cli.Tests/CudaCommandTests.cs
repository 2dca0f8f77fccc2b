using System.Text.Json.Nodes;
using Lorikeet.Cli.Commands;
using Lorikeet.Testing;

namespace Lorikeet.Cli.Tests;

/// <summary>The verbs on a GPU, emulated where there is none.</summary>
public sealed class CudaCommandTests
{
    private static readonly Func<CliHost, Verb>[] Verbs = [ChatCommand.Create, DoctorCommand.Create, TrainCommand.Create];

    [Fact]
    public void Doctor_names_the_gpu_the_libraries_and_their_versions_and_computes_on_it()
    {
        TestHost test = CudaHost.Create();
        Assert.Equal(0, test.Run(Verbs, "doctor"));
        Assert.Contains("compute capability", test.Result, StringComparison.Ordinal);
        Assert.Contains("computes what the processor computes", test.Result, StringComparison.Ordinal);
        JsonNode cuda = JsonNode.Parse(test.Result.TrimEnd().Split('\n')[^1])!["cuda"]!;
        Assert.True((bool)cuda["works"]!);
        Assert.True((long)cuda["devices"]![0]!["memory_bytes"]! > 0);
        foreach (string library in (string[])["libcuda", "libcublasLt", "libnvrtc"])
        {
            Assert.NotNull(cuda["libraries"]![library]!["path"]);
            Assert.NotNull(cuda["libraries"]![library]!["version"]);
        }
    }

    [Fact]
    public void Answers_are_those_of_the_processor()
    {
        string[] question = ["chat", Golden.Path("models", "smolvlm"), "--image", Golden.Path("cases", "images", "tiny.png"), "--prompt", "What is it?", "--max-new-tokens", "5"];
        TestHost gpu = CudaHost.Create(), processor = CudaHost.Create();
        Assert.True(gpu.Run(Verbs, [.. question, "--device", "cuda"]) == 0, gpu.Messages);
        Assert.Equal(0, processor.Run(Verbs, [.. question, "--device", "cpu"]));
        Assert.Contains("computing on cuda:0: ", gpu.Messages, StringComparison.Ordinal);
        Assert.DoesNotContain("computing on", processor.Messages, StringComparison.Ordinal);
        Assert.Equal(processor.Result, gpu.Result);
    }

    [Fact]
    public void A_run_file_takes_the_gpu_by_itself_and_says_so()
    {
        using var folder = new TrainingFolder();
        (int code, string messages, _) = folder.Train(CudaHost.Create(), "--train.max_steps=1", "--data.longest_edge=64", "--train.per_device_train_batch_size=1");
        Assert.True(code == 0, messages);
        Assert.Contains("computing on cuda:0: ", messages, StringComparison.Ordinal);
        Assert.Contains(File.ReadLines(Path.Combine(folder.Output, "events.jsonl")), line => line.Contains("\"device\":\"cuda:0\"", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("cuda:7", "there is no GPU number 7: the driver knows 1, counted from 0")]
    [InlineData("tpu", "--device: expected auto, cpu, cuda or cuda:N, found 'tpu'")]
    public void A_device_that_there_is_not_ends_with_code_2(string device, string message)
    {
        Assert.SkipWhen(CudaEmulator.IsReal, "the number of real GPUs is not known");
        TestHost test = CudaHost.Create();
        Assert.Equal(2, test.Run(Verbs, "chat", Golden.Path("models", "smolvlm"), "--prompt", "Hello", "--device", device));
        Assert.Equal($"error: {message}\n", test.Messages);
    }

    [Fact]
    public void A_gpu_that_lacks_a_library_is_told_and_the_processor_computes()
    {
        Assert.SkipWhen(CudaEmulator.IsReal, "this machine has the libraries");
        string folder = Directory.CreateTempSubdirectory("lorikeet-driver-").FullName;
        File.Copy(Path.Combine(CudaEmulator.Folder, "libcuda.so.1"), Path.Combine(folder, "libcuda.so.1"));
        string[] question = ["chat", Golden.Path("models", "smolvlm"), "--prompt", "What is it?", "--max-new-tokens", "1"];
        try
        {
            var automatic = new TestHost(environment: name => name == "LORIKEET_CUDA_LIBRARIES" ? folder : null);
            Assert.Equal(0, automatic.Run(Verbs, question));
            Assert.Contains("note: computing on the processor; there is a GPU (Emulated GPU), but libcublasLt", automatic.Messages, StringComparison.Ordinal);
            var asked = new TestHost(environment: name => name == "LORIKEET_CUDA_LIBRARIES" ? folder : null);
            Assert.Equal(2, asked.Run(Verbs, [.. question, "--device", "cuda"]));
            Assert.Contains("computing on a GPU needs libcublasLt, which was not found; `lorikeet doctor` says how to install it", asked.Messages, StringComparison.Ordinal);
            var doctor = new TestHost(environment: name => name == "LORIKEET_CUDA_LIBRARIES" ? folder : null);
            doctor.Run(Verbs, "doctor");
            Assert.Contains("pip install nvidia-cublas-cu12", doctor.Result, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
    [Fact]
    public void Too_little_memory_ends_with_code_2_and_what_the_plan_says()
    {
        Assert.SkipWhen(CudaEmulator.IsReal, "a real GPU has enough");
        using var folder = new TrainingFolder();
        string libraries = CudaEmulator.Folder;
        using Kills.Child child = Kills.ChildProgram.StartAfter(
            $"export CUDA_EMULATOR_MIB=48 LORIKEET_CUDA_LIBRARIES='{libraries}' XDG_CACHE_HOME='{libraries}/cache'",
            ["train", folder.At("run.yaml"), "--device", "cuda", "--data.longest_edge=64", "--train.max_steps=1"]);
        (int code, _, string messages) = child.End();
        Assert.True(code == ExitCodes.Input, messages);
        Assert.Contains("error: cuda:0 (Emulated GPU) has too little memory: 32 MiB more are needed in one piece", messages, StringComparison.Ordinal);
        Assert.Contains("planned: the run needs ", messages, StringComparison.Ordinal);
        Assert.True(folder.HasNoResult);
    }
}
